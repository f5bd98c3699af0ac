"""What pairs with what: the mapping as the engine uses it, its document, and its checks."""

from .checks import Problem, check, holds_money, trust_refusal
from .diff import diff
from .document import Key, LineDocument, MappingDocument, MappingOptions, document_of, read
from .model import ID, Line, Mapping, Side, carry_over, line, of, of_document, spread, takes_part, value_on
from .words import Words

__all__ = [
    "ID", "Key", "Line", "LineDocument", "Mapping", "MappingDocument", "MappingOptions", "Problem", "Side", "Words",
    "carry_over", "check", "diff", "document_of", "holds_money", "line", "of", "of_document", "read", "spread",
    "takes_part", "trust_refusal", "value_on",
]  # fmt: skip

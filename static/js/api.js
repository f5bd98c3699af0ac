// The API page: a reading call, made by this browser with a token that is kept nowhere.
(() => {
  "use strict";
  const form = document.querySelector("[data-try]");
  if (!form) return;
  const [token, path, said] = ["token", "path", "said"].map((name) => form.elements[name]);
  document.querySelectorAll("[data-try-path]").forEach((link) => link.addEventListener("click", () => {
    path.value = link.dataset.tryPath;
    (token.value ? path : token).focus();
  }));
  const shown = (text) => {
    try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    const address = new URL(path.value, location.origin);
    if (address.origin !== location.origin || !address.pathname.startsWith("/api/")) {
      said.value = "The address begins with /api/.";
      return;
    }
    said.value = "Asking …";
    try {
      const answer = await fetch(address, { headers: { Authorization: `Bearer ${token.value}` }, credentials: "omit" });
      said.value = `${answer.status} ${answer.statusText}\n${shown(await answer.text())}`;
    } catch {
      said.value = "The console did not answer.";
    }
  });
})();

# One image for web, worker and migration; see docs/production.md.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PATH=/console/.venv/bin:$PATH INSTANCE_DIR=/data
WORKDIR /console

RUN useradd --system --create-home console && mkdir /data && chown console /data
COPY requirements.txt constraints.txt ./
RUN python -m venv .venv && pip install -r requirements.txt -c constraints.txt
COPY wsgi.py config.py ./
COPY integration_console integration_console
COPY templates templates
COPY static static
COPY migrations migrations
COPY docs docs

USER console
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"
CMD ["gunicorn", "wsgi:app", "--worker-class", "gthread", "--workers", "2", "--threads", "8", "--no-control-socket", \
     "--graceful-timeout", "10", "--bind", "0.0.0.0:8000"]

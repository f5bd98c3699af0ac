# One image for web, worker and migration; see docs/production.md.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PATH=/console/.venv/bin:$PATH INSTANCE_DIR=/data BACKUP_DIR=/backups
WORKDIR /console

# The client programs of compose.yaml's PostgreSQL, for backups; an older pg_dump refuses a newer server.
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-common ca-certificates \
    && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
    && apt-get install -y --no-install-recommends postgresql-client-18 && rm -rf /var/lib/apt/lists/*

RUN useradd --system --create-home console && mkdir /data /backups && chown console /data /backups
COPY requirements.txt constraints.txt ./
RUN python -m venv .venv && pip install -r requirements.txt -c constraints.txt
COPY wsgi.py config.py ./
COPY integration_console integration_console
COPY templates templates
COPY static static
COPY migrations migrations
COPY docs docs

USER console
VOLUME /data /backups
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"
CMD ["gunicorn", "wsgi:app", "--worker-class", "gthread", "--workers", "2", "--threads", "8", "--no-control-socket", \
     "--graceful-timeout", "10", "--bind", "0.0.0.0:8000"]

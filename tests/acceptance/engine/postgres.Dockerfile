# Debian's PostgreSQL, with what docker-compose.yml needs of the official image.
FROM studyhall-test-debian
RUN apt-get update && apt-get install -y --no-install-recommends postgresql && rm -rf /var/lib/apt/lists/*
COPY postgres.sh /usr/local/bin/
RUN ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/ 2>/dev/null; \
    rm -rf /var/lib/postgresql/* && install -d -o postgres -g postgres /var/lib/postgresql/data /var/run/postgresql
ENV PGDATA=/var/lib/postgresql/data
STOPSIGNAL SIGINT
ENTRYPOINT ["postgres.sh"]

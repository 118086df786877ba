# Images of the service: dashboard (without TensorFlow), worker (CUDA) and worker-cpu.
FROM python:3.11-slim AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MPLCONFIGDIR=/tmp \
    PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN useradd --uid 10001 --user-group --home-dir /var/lib/studyhall studyhall \
    && install -d -o studyhall -g studyhall /var/lib/studyhall /var/log/studyhall
WORKDIR /var/lib/studyhall
ENTRYPOINT ["studyhall"]

FROM base AS wheel
WORKDIR /build
COPY docker/build.lock .
RUN pip install --require-hashes -r build.lock
COPY . .
RUN hatchling build -t wheel -d /dist

FROM base AS dashboard
COPY docker/dashboard.lock docker/first_start.py /opt/studyhall/
RUN pip install --require-hashes -r /opt/studyhall/dashboard.lock
COPY --from=wheel /dist /opt/studyhall/dist
RUN pip install --no-deps /opt/studyhall/dist/*.whl
USER studyhall
CMD ["dashboard", "--help"]

FROM base AS worker-cpu
COPY docker/worker-cpu.lock /opt/studyhall/
RUN pip install --require-hashes -r /opt/studyhall/worker-cpu.lock
COPY --from=wheel /dist /opt/studyhall/dist
RUN pip install --no-deps /opt/studyhall/dist/*.whl
USER studyhall
CMD ["worker", "--help"]

FROM base AS worker
COPY docker/worker.lock /opt/studyhall/
RUN pip install --require-hashes -r /opt/studyhall/worker.lock
COPY --from=wheel /dist /opt/studyhall/dist
RUN pip install --no-deps /opt/studyhall/dist/*.whl
USER studyhall
CMD ["worker", "--help"]

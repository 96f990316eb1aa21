# The image of metakaito: Python, the libraries it links, what requirements/runtime.txt locks, our wheel.
#
#   docker build --build-arg PYTHON_DIGEST=sha256:... --tag metakaito .
#
# The digest says exactly which base image, for a tag moves. It has no default, for it ages; without one
# Docker refuses with "invalid reference format". Find today's with
#   docker buildx imagetools inspect docker.io/library/python:3.13-slim-bookworm
# and keep it where you keep the versions that you deploy.
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim-bookworm
ARG PYTHON_DIGEST

FROM ${PYTHON_IMAGE}@${PYTHON_DIGEST} AS build
WORKDIR /source
# What changes seldom comes first: another line of ours installs nothing anew.
COPY requirements/image.txt requirements/
RUN python -m pip install --no-cache-dir --require-hashes --requirement requirements/image.txt
COPY . .
# Wheels that the lock pins by their hashes, ours without dependencies, and a bill of materials of both:
# `python -m image archive FILE` does the same steps where there is no Docker.
RUN python -m image root /root-of-image

# Nothing of the base image stays but Python and its libraries: no shell, no compiler, no pip.
FROM scratch
COPY --from=build /root-of-image /
ENV PATH=/usr/local/bin:/usr/bin:/bin
LABEL org.opencontainers.image.title="metakaito" \
      org.opencontainers.image.description="Kaito Workspaces as pure functions behind Metacontroller's sync webhooks" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      io.metakaito.sbom="/usr/local/share/metakaito/sbom.cdx.json"
# A number, so that Kubernetes can see that it is not root. It writes nothing but /tmp.
USER 65532
EXPOSE 8080
ENTRYPOINT ["metakaito"]
CMD ["serve"]

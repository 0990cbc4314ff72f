# relayctl as a static binary, in an image that holds nothing else but root certificates:
#   docker build -f deploy/relayctl.Dockerfile -t relayctl .
# Alpine's own target is musl, so the binary needs no C library of the image that it is copied into. The digest is that of the index
# of all processors.
FROM rust:1.95.0-alpine3.23@sha256:606fd313a0f49743ee2a7bd49a0914bab7deedb12791f3a846a34a4711db7ed2 AS build
# ring, the cryptography of TLS, is partly C; .cargo/remap-paths is a script for bash.
RUN apk add --no-cache bash gcc musl-dev ca-certificates
WORKDIR /src
COPY . .
RUN cargo build --locked --release --package relayctl

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/target/release/relayctl /relayctl
# Nobody: the number that distroless images use too, for an image without /etc/passwd has no names.
USER 65532:65532
ENTRYPOINT ["/relayctl"]

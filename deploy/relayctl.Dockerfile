# relayctl as a static binary, in an image that holds nothing else but root certificates:
#   docker build -f deploy/relayctl.Dockerfile -t relayctl .
# Alpine's own target is musl, so the binary needs no C library of the image that it is copied into.
FROM rust:1.95-alpine AS build
# ring, the cryptography of TLS, is partly C.
RUN apk add --no-cache gcc musl-dev ca-certificates
WORKDIR /src
COPY . .
RUN cargo build --locked --release --package relayctl

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/target/release/relayctl /relayctl
ENTRYPOINT ["/relayctl"]

# Sourced: the processor of this machine, on which the functions run, by the name that Lambda has for it.
case $(uname -m) in
  aarch64 | arm64) architecture=arm64 ;;
  *) architecture=x86_64 ;;
esac

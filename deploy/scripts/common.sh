# Read by the scripts beside it, which make starts from the root of the clone. Settings come by the environment:
#   ENVIRONMENT  development, staging or production
#   VERSION      the release; the version of pyproject.toml without it
#   BACKEND      file with the settings of Terraform's backend (an output of deploy/terraform/bootstrap)
#   TARGET       host (an EC2 host of Terraform's; the default) or kubernetes (an overlay's cluster)
# AWS credentials are found as every AWS tool finds them. Nothing here prints a secret.
set -eu
cd "$(dirname "$0")/../.."

refuse() { echo "$(basename "$0"): $*" >&2; exit 2; }

need_environment() {
    case ${ENVIRONMENT:-} in
        development | staging | production) ;;
        *) refuse "ENVIRONMENT is '${ENVIRONMENT:-}'; expected development, staging or production" ;;
    esac
}

need_version() {
    VERSION=${VERSION:-$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)}
    case $VERSION in
        *[!0-9A-Za-z.-]* | [!0-9]* | '') refuse "VERSION is '$VERSION'; expected such as 1.4.0" ;;
    esac
}

by_target() { # goes on as the script of a cluster where that is what the release is for
    case ${TARGET:-host} in
        host) return ;;
        kubernetes) ;;
        *) refuse "TARGET is '$TARGET'; expected host or kubernetes" ;;
    esac
    other=deploy/scripts/$(basename "$0")-kubernetes
    [ -x "$other" ] || refuse "a cluster has no part in this; make deploy TARGET=kubernetes does all"
    exec "$other"
}

infrastructure() { terraform -chdir=deploy/terraform/infrastructure "$@"; }

begin() { # Terraform with the environment's state
    [ -f "${BACKEND:-}" ] || refuse "BACKEND is '${BACKEND:-}'; expected the file that bootstrap's output 'backend' was written to"
    backend=$(cd "$(dirname "$BACKEND")" && pwd)/$(basename "$BACKEND")
    infrastructure init -input=false -no-color -reconfigure ${TF_PLUGIN_DIR:+-plugin-dir="$TF_PLUGIN_DIR"} \
        -backend-config="$backend" -backend-config="key=$ENVIRONMENT.tfstate" >/dev/null
}

output() { infrastructure output -raw "$1"; }

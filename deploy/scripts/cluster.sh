# Read by the scripts for a cluster, whose names end with -kubernetes. kubectl finds the cluster as it always does
# (KUBECONFIG, its current context); registry, hosts and settings are those of the overlay.
. "$(dirname "$0")/common.sh"

need_cluster() {
    need_environment
    command -v kubectl >/dev/null 2>&1 || refuse "no kubectl here; install 1.32 or later"
    namespace=storecast-$ENVIRONMENT
    overlay=deploy/kubernetes/overlays/$ENVIRONMENT
    kept=build/kubernetes/$ENVIRONMENT
}

ours() { kubectl -n "$namespace" "$@"; }

render() { # the overlay, and it again with the images of VERSION; what is committed is left as it is
    rm -rf "$kept"
    mkdir -p "$kept"
    kubectl kustomize "$overlay" >"$kept/overlay.yaml"
    {
        printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../../../%s]\nimages:\n' "$overlay"
        for image in service webapp jobs; do
            printf '  - {name: "%s", newTag: "%s"}\n' "$(image_of "$image")" "$VERSION"
        done
    } >"$kept/kustomization.yaml"
    kubectl kustomize "$kept" >"$kept/release.yaml"
}

image_of() { # what the overlay calls the image, registry and all
    names=$(sed -n "s/^ *image: \(.*storecast-$1\):.*/\1/p" "$kept/overlay.yaml" | sort -u)
    case $names in
        '' | *[!0-9A-Za-z./:_-]*) refuse "$overlay has no one image storecast-$1, but '$names'" ;;
    esac
    echo "$names"
}

names_of() { # names_of FILE KIND: of the documents of that kind, as kind/name
    sed -n "/^kind: $2\$/,/^---\$/s|^  name: |$2/|p" "$1"
}

only() { # only 1|0 KIND...: the release's documents that are of these kinds, or that are not
    wanted=$1
    shift
    awk -v wanted="$wanted" -v kinds=" $* " '
        function done_with() { if ((index(kinds, " " kind " ") > 0) == wanted) printf "%s---\n", text; text = kind = "" }
        /^---$/ { done_with(); next }
        /^kind: / { kind = $2 }
        { text = text $0 "\n" }
        END { done_with() }' "$kept/release.yaml"
}

tag_of() { # tag_of DEPLOYMENT: the release whose image it runs; nothing where it is not there
    found=$(ours get "deployment/$1" --ignore-not-found -o 'jsonpath={.spec.template.spec.containers[0].image}')
    echo "${found##*:}"
}

rolled_out() { # rolled_out KIND/NAME: waits until its new pods are ready and its old ones gone
    ours rollout status "$1" --timeout="${ROLLOUT_SECONDS:-600}s" && return
    ours get pods -l "app.kubernetes.io/name=${1#*/}" >&2 || true
    echo "$(basename "$0"): $1 does not become ready" >&2
    exit 1
}

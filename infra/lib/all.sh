# shellcheck shell=bash
# Everything that the scripts of this folder share, and the definitions of all services.
infra=$(dirname "${BASH_SOURCE[0]}")/..

# shellcheck source=lib/common.sh
source "$infra/lib/common.sh"
# shellcheck source=lib/packages.sh
source "$infra/lib/packages.sh"
# shellcheck source=lib/engine.sh
source "$infra/lib/engine.sh"
# shellcheck source=lib/images.sh
source "$infra/lib/images.sh"
# shellcheck source=lib/keys.sh
source "$infra/lib/keys.sh"
# shellcheck source=lib/containers.sh
source "$infra/lib/containers.sh"
# shellcheck source=traefik/service.sh
source "$infra/traefik/service.sh"
# shellcheck source=postgres/service.sh
source "$infra/postgres/service.sh"
# shellcheck source=manager/service.sh
source "$infra/manager/service.sh"
# shellcheck source=deploy/service.sh
source "$infra/deploy/service.sh"
# shellcheck source=sample/service.sh
source "$infra/sample/service.sh"

# shellcheck shell=bash
# Everything that the scripts of this folder share.
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
# shellcheck source=lib/builder.sh
source "$infra/lib/builder.sh"
# shellcheck source=lib/repositories.sh
source "$infra/lib/repositories.sh"
# shellcheck source=lib/services.sh
source "$infra/lib/services.sh"
# shellcheck source=lib/handover.sh
source "$infra/lib/handover.sh"

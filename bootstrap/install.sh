#!/bin/bash
# Installs the Tidemark agent on the primary node of an Amazon EMR cluster, as a bootstrap action or as a step.
#
#   --config s3://BUCKET/KEY|FILE   the settings; without them and without --set the agent only observes
#   --set KEY=VALUE                 one setting by its dotted path, over those of --config; may be repeated
#   --enable-terminate              the same as --set idle.enabled=true: an idle cluster is ended
#   --python auto|system|bundled    which Python 3.11 to run with [auto: the node's, else the published one]
#   --no-start                      install and enable, do not start
#   --strict                        end with 1 when the installation on the primary failed [always 0]
#   --rollback                      go back to the release before this one
#   --remove                        take everything away again
#   --root DIR                      put every path under DIR (also TIDEMARK_ROOT); nothing is started then
#
# A node that is not the primary is left alone, without a single further process. Nothing is installed with a package
# manager and nothing is fetched but the published files, each compared with the checksum in this script.

# >>> filled by tidemark publish
TIDEMARK_VERSION=""
TIDEMARK_BASE=""
SHA256_x86_64=""
SHA256_aarch64=""
SHA256_PYTHON_x86_64=""
SHA256_PYTHON_aarch64=""
PYTHON_BUNDLE_x86_64=""
PYTHON_BUNDLE_aarch64=""
# <<<

set -u
export LC_ALL=C TZ=UTC

# Together below two minutes, whatever hangs: the work, its end by force, the report of a failure.
WORK_LIMIT_S=95
KILL_AFTER_S=5
REPORT_LIMIT_S=15
# The exit code of work that was done, but not as it was asked for.
NOT_AS_ASKED=3

INFO_FOLDERS=(/mnt/var/lib/info /emr/instance-controller/lib/info /mnt/var/lib/instance-controller)
UNITS=(tidemark.service tidemark-sparkconf.service tidemark-sparkconf.timer)
STARTED=(tidemark.service tidemark-sparkconf.timer)

ROOT=${TIDEMARK_ROOT:-}
MODE=install
CONFIG=""
SETTINGS=()
PYTHON_CHOICE=auto
START=yes
STRICT=no

main() {
  read_arguments "$@"
  place_paths
  if ! is_primary; then
    say "not the primary node: nothing to do"
    return 0
  fi
  local code=0
  in_own_process || code=$?
  if ((code == 0)); then
    return 0
  fi
  say "$MODE ended with $code; the cluster goes on without it, see $LOG"
  report_failure
  [[ $STRICT == no ]] || return 1
}

say() {
  local now
  printf -v now '%(%Y-%m-%dT%H:%M:%SZ)T' -1
  printf 'tidemark %s %s\n' "$now" "$*"
}

# --- what the node says, without a further process ----------------------------------------------------------------

read_arguments() {
  while (($#)); do
    case $1 in
      --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;;
    esac
    case $1 in
      --config | --set | --python | --root)
        if (($# < 2)); then
          say "warning: $1 needs a value and is left out"
          return
        fi
        take_value "$1" "$2"
        shift
        ;;
      --enable-terminate) SETTINGS+=(idle.enabled=true) ;;
      --no-start) START=no ;;
      --strict) STRICT=yes ;;
      --rollback) MODE=rollback ;;
      --remove) MODE=remove ;;
      *) say "warning: unknown argument '$1' is left out" ;;
    esac
    shift
  done
}

take_value() {
  case $1 in
    --config) CONFIG=$2 ;;
    --set) SETTINGS+=("$2") ;;
    --root) ROOT=${2%/} ;;
    --python)
      case $2 in
        auto | system | bundled) PYTHON_CHOICE=$2 ;;
        *) say "warning: --python is auto, system or bundled, not '$2'; auto is taken" ;;
      esac
      ;;
  esac
}

place_paths() {
  OPT=$ROOT/opt/tidemark
  ETC=$ROOT/etc/tidemark
  STATE=$ROOT/var/lib/tidemark
  LOGS=$ROOT/var/log/tidemark
  LOG=$LOGS/install.log
  UNIT_FOLDER=$ROOT/etc/systemd/system
  LOG_PUSHER=$ROOT/etc/logpusher
  SHUTDOWN=$ROOT/mnt/var/lib/instance-controller/public/shutdown-actions
}

# REPLY becomes the value of a field in a JSON file, without quotes; empty when the file does not tell. A pattern is
# enough for these flat files, and tolerates one that is cut off.
field() { # field FILE NAME
  local text="" pattern="\"$2\"[[:space:]]*:[[:space:]]*\"?([^\",}[:space:]]+)"
  REPLY=""
  [[ -f $1 && -r $1 ]] || return 0
  IFS= read -r -N 262144 text <"$1" || true
  [[ $text =~ $pattern ]] && REPLY=${BASH_REMATCH[1]}
  return 0
}

from_info() { # from_info FILE-NAME FIELD: REPLY is the first answer of the folders
  local folder
  for folder in "${INFO_FOLDERS[@]}"; do
    field "$ROOT$folder/$1" "$2"
    [[ -z $REPLY ]] || return 0
  done
}

# Of three primaries each is one. When nothing can be read the node counts as a worker: a failure here must cost no
# task node.
is_primary() {
  from_info instance.json isMaster
  case ${REPLY,,} in
    true) return 0 ;;
    false) return 1 ;;
  esac
  from_info extraInstanceData.json instanceRole
  [[ ${REPLY,,} == master ]]
}

# --- the work has a process of its own ----------------------------------------------------------------------------

# As root, under a time limit. The script travels on standard input: it may itself have come from there, and then
# there is no file to start again.
in_own_process() {
  local as_root=()
  if ((EUID != 0)) && [[ -z $ROOT ]]; then
    as_root=(sudo -n --)
  fi
  script_of_the_work |
    ${as_root[@]+"${as_root[@]}"} timeout -k "$KILL_AFTER_S" "$WORK_LIMIT_S" bash -s
}

script_of_the_work() {
  local name
  declare -f
  declare -p LC_ALL TZ ROOT MODE CONFIG SETTINGS PYTHON_CHOICE START STRICT NOT_AS_ASKED INFO_FOLDERS UNITS STARTED
  declare -p TIDEMARK_VERSION TIDEMARK_BASE SHA256_x86_64 SHA256_aarch64 SHA256_PYTHON_x86_64 SHA256_PYTHON_aarch64
  declare -p PYTHON_BUNDLE_x86_64 PYTHON_BUNDLE_aarch64
  # sudo starts with an empty environment
  while IFS= read -r name; do
    case $name in
      AWS_* | [Hh][Tt][Tt][Pp]_[Pp][Rr][Oo][Xx][Yy] | [Hh][Tt][Tt][Pp][Ss]_[Pp][Rr][Oo][Xx][Yy] | [Nn][Oo]_[Pp][Rr][Oo][Xx][Yy])
        declare -p "$name"
        ;;
    esac
  done < <(compgen -e)
  printf 'place_paths\nwork </dev/null\nexit\n'
}

work() {
  set -eEu -o pipefail
  umask 022
  COMPLAINTS=0
  trap 'failed $? "$BASH_COMMAND" "${FUNCNAME[0]:-}"' ERR
  trap 'failed 124 "$BASH_COMMAND" "the time limit"' TERM
  take_lock
  open_log
  case $MODE in
    install) install_release ;;
    rollback) rollback ;;
    remove) remove ;;
  esac
  ((COMPLAINTS == 0)) || exit "$NOT_AS_ASKED"
}

failed() {
  trap - ERR TERM
  say "failed with $1 in $3: $2"
  exit 1
}

die() {
  trap - ERR TERM
  say "failed: $*"
  exit 1
}

complain() {
  COMPLAINTS=$((COMPLAINTS + 1))
  say "warning: $*"
}

# A second run waits for the first, and then finds everything done.
take_lock() {
  mkdir -p "$ROOT/run"
  exec 9>"$ROOT/run/tidemark-install.lock"
  flock -w 60 9 || die "another installation is still running"
}

open_log() {
  # /var/log may be a link to a folder of a volume that EMR has not made yet
  mkdir -p "$(readlink -m "$LOGS")"
  # The agent's user may put files and links of its own here: root writes to none of them and moves nothing into them.
  if [[ -f $LOG ]] && (($(stat -c %s "$LOG") > 1048576)); then
    rm -rf "$LOG.1"
    mv -fT "$LOG" "$LOG.1"
  fi
  if [[ -L $LOG || ! -f $LOG || ! -O $LOG ]]; then
    rm -rf "$LOG"
    (set -C && : >"$LOG")
  fi
  # a copy of every line, in order, and no process that could outlive this one
  exec 3>>"$LOG"
  say() {
    local now
    printf -v now '%(%Y-%m-%dT%H:%M:%SZ)T' -1
    printf 'tidemark %s %s\n' "$now" "$*"
    printf '%s %s\n' "$now" "$*" >&3
  }
  say "$MODE of ${TIDEMARK_VERSION:-an unpublished version}"
}

# --- install ------------------------------------------------------------------------------------------------------

install_release() {
  [[ -n $TIDEMARK_VERSION && -n $TIDEMARK_BASE ]] || die "this script was not published: run 'tidemark publish' first"
  local architecture sum
  architecture=$(uname -m)
  sum=$(published "SHA256_$architecture")
  [[ -n $sum ]] || die "nothing was published for $architecture"
  make_folders
  make_user
  find_region
  choose_python "$architecture"
  RELEASE=$TIDEMARK_VERSION-${sum:0:12}
  place_release "$OPT/releases/$RELEASE" "tidemark-$TIDEMARK_VERSION-$architecture.tar.gz" "$sum"
  make_settings "$OPT/releases/$RELEASE"
  switch_to "$RELEASE"
  place_files "$OPT/releases/$RELEASE"
  start
  prune
  look_around
  say "installed $RELEASE"
}

# For whoever reads the log later; what is found here is no fault of the installation.
look_around() {
  timeout 30 "$OPT/current/bin/tidemark" doctor --offline --root "${ROOT:-/}" >&3 2>&1 \
    || say "warning: tidemark doctor has found something, see $LOG"
}

published() { # the value that publishing has written into NAME, or nothing
  local name=$1
  printf '%s' "${!name:-}"
}

make_folders() {
  mkdir -p "$OPT/releases" "$OPT/interpreters" "$ETC" "$STATE" "$UNIT_FOLDER"
  # what a run that was ended left behind
  rm -rf "$OPT"/.work-* "$OPT"/releases/.old-* "$OPT"/interpreters/.old-*
  WORK=$(mktemp -d "$OPT/.work-XXXXXX")
  trap 'rm -rf "$WORK"' EXIT
  local free
  free=$(df -Pk "$OPT" | awk 'NR == 2 { print $4 }')
  ((free > 204800)) || say "warning: only $((free / 1024)) MB are free under $OPT"
}

# Ids are looked up under the root prefix, which may be an image.
make_user() {
  if ! ids_of_user && ((EUID == 0)); then
    local in_image=()
    [[ -z $ROOT ]] || in_image=(--prefix "$ROOT")
    grep -q '^tidemark:' "$ROOT/etc/group" 2>/dev/null || groupadd ${in_image[@]+"${in_image[@]}"} --system tidemark
    useradd ${in_image[@]+"${in_image[@]}"} --system --gid tidemark --no-create-home --home-dir /var/lib/tidemark \
      --shell /sbin/nologin tidemark
    ids_of_user || die "the user tidemark could not be made"
  fi
  owned "root" "$GROUP_ID" 0750 "$ETC"
  owned "$USER_ID" "$GROUP_ID" 0750 "$STATE"
  # sticky: the agent adds files of its own and cannot put another in the place of root's
  owned "root" "$GROUP_ID" 1775 "$LOGS"
}

ids_of_user() {
  USER_ID=$EUID GROUP_ID=$(id -g)
  local name rest
  while IFS=: read -r name _ uid gid rest; do
    if [[ $name == tidemark ]]; then
      USER_ID=$uid GROUP_ID=$gid
      return 0
    fi
  done 2>/dev/null <"$ROOT/etc/passwd"
  return 1
}

owned() { # owned USER GROUP MODE PATH
  if ((EUID == 0)); then
    chown "$1:$2" "$4"
  fi
  chmod "$3" "$4"
}

find_region() {
  [[ -z ${AWS_DEFAULT_REGION:-}${AWS_REGION:-} ]] || return 0
  from_info extraInstanceData.json region
  [[ -n $REPLY ]] || region_from_metadata
  [[ -z $REPLY ]] || export AWS_DEFAULT_REGION=$REPLY
}

# Version 2 of the instance metadata service only: version 1 is switched off in many accounts.
region_from_metadata() {
  local service=http://169.254.169.254/latest token document=""
  REPLY=""
  token=$(curl -sf -m 1 --noproxy '*' -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$service/api/token" 2>/dev/null) || return 0
  document=$(curl -sf -m 2 --noproxy '*' -H "X-aws-ec2-metadata-token: $token" \
    "$service/dynamic/instance-identity/document" 2>/dev/null) || return 0
  [[ $document =~ \"region\"[[:space:]]*:[[:space:]]*\"([^\"]+)\" ]] && REPLY=${BASH_REMATCH[1]}
  return 0
}

choose_python() { # PYTHON becomes what <release>/python links to
  local candidate
  if [[ $PYTHON_CHOICE != bundled ]]; then
    for candidate in /usr/bin/python3.11 /usr/local/bin/python3.11 "$(command -v python3.11 || true)"; do
      if is_python "$candidate"; then
        PYTHON=$candidate
        return
      fi
    done
    [[ $PYTHON_CHOICE == auto ]] || die "this node has no Python 3.11 (--python system)"
  fi
  local bundle sum home
  bundle=$(published "PYTHON_BUNDLE_$1")
  sum=$(published "SHA256_PYTHON_$1")
  [[ -n $bundle && -n $sum ]] || die "no Python 3.11: the node has none to use, and none was published for $1"
  home=$OPT/interpreters/${sum:0:12}
  if ! is_python "$home/python/bin/python3.11"; then
    unpack_published "$bundle" "$sum" "$WORK/interpreter"
    is_python "$WORK/interpreter/python/bin/python3.11" || die "the published interpreter $bundle does not run here"
    put_in_place "$WORK/interpreter" "$home"
  fi
  # relative, so that it holds under a root prefix too
  PYTHON=../../interpreters/${sum:0:12}/python/bin/python3.11
}

is_python() { # 3.11 exactly: the compiled parts of the bundle are for that one
  [[ -x ${1:-} ]] && timeout 20 "$1" -I -c 'import ctypes, ssl, sys, zlib; sys.exit(sys.version_info[:2] != (3, 11))' \
    >/dev/null 2>&1
}

place_release() { # place_release FOLDER BUNDLE SHA256
  if runs "$1"; then
    [[ $(readlink "$1/python") == "$PYTHON" ]] || link "$PYTHON" "$1/python"
    runs "$1" || die "release $RELEASE does not run with $PYTHON"
    return
  fi
  unpack_published "$2" "$3" "$WORK/release"
  link "$PYTHON" "$WORK/release/python"
  runs "$WORK/release" || die "the smoke test of $2 failed: $(tail -n 1 "$WORK/said")"
  compile "$WORK/release"
  put_in_place "$WORK/release" "$1"
}

# Once here instead of at every start: nobody may write into a release later, and the helper for Spark starts twice a
# minute. The bytecode is not compared with its source, whose times say nothing.
compile() { # compile RELEASE-FOLDER
  timeout 60 "$1/python" -I -m compileall -q --invalidation-mode unchecked-hash "$1/lib" >"$WORK/said" 2>&1 \
    || say "warning: not everything was compiled: $(tail -n 1 "$WORK/said")"
}

# The smoke test. A link of the release to its interpreter is relative to the final place of the folder.
runs() { # runs RELEASE-FOLDER
  [[ -x $1/bin/tidemark && -f $1/VERSION ]] || return 1
  local said="" version
  read -r version <"$1/VERSION" || true
  said=$(timeout 30 "$1/bin/tidemark" version 2>"$WORK/said") || return 1
  [[ $said == "tidemark $version" ]]
}

unpack_published() { # unpack_published FILE-NAME SHA256 FOLDER
  local file=$WORK/$1 found
  fetch "$TIDEMARK_BASE/$1" "$file" || die "$TIDEMARK_BASE/$1 cannot be fetched"
  found=$(sha256sum "$file")
  [[ ${found%% *} == "$2" ]] || die "$1 is not what was published: its SHA-256 is ${found%% *}, expected $2"
  mkdir "$3"
  tar -xzf "$file" -C "$3" --no-same-owner --no-same-permissions
  rm -f "$file"
}

fetch() { # fetch URL|FILE TARGET
  if [[ $1 != s3://* ]]; then
    cp -- "$1" "$2" 2>"$WORK/said" || { say "warning: $(tail -n 1 "$WORK/said")" && return 1; }
    return
  fi
  command -v aws >/dev/null || die "there is no AWS CLI (aws) on this node"
  local pause
  for pause in 1 3 0; do
    if timeout 25 aws s3 cp --only-show-errors --cli-connect-timeout 5 --cli-read-timeout 15 "$1" "$2" \
      >"$WORK/said" 2>&1; then
      return 0
    fi
    say "warning: $1 was not fetched: $(tail -n 1 "$WORK/said")"
    sleep "$pause"
  done
  return 1
}

# A folder under its final name is whole: it is moved there in one go, and away from there before it is deleted.
put_in_place() { # put_in_place FOLDER FINAL-NAME
  put_away "$2"
  mv -T "$1" "$2"
}

put_away() {
  [[ -e $1 || -L $1 ]] || return 0
  local old
  old=${1%/*}/.old-${1##*/}
  rm -rf "$old"
  mv -T "$1" "$old"
  rm -rf "$old"
}

link() { # link TARGET NAME: the name leads to the old target or to the new one, at every moment
  ln -sfn "$1" "$2.new"
  mv -fT "$2.new" "$2"
}

# --- settings -----------------------------------------------------------------------------------------------------

# Afterwards there are settings that this release accepts: those asked for, else the last good ones, else those that
# let the agent only observe.
make_settings() { # make_settings RELEASE-FOLDER
  local given=$WORK/given.toml now=$ETC/config.toml
  if [[ -z $CONFIG ]] && ((${#SETTINGS[@]} == 0)) && accepts "$1" "$now"; then
    say "settings: those on the node stay"
    return
  fi
  : >"$given"
  if [[ -n $CONFIG ]] && ! fetch "$CONFIG" "$given"; then
    complain "the settings $CONFIG cannot be fetched"
  elif [[ -n $CONFIG ]] || sets_maximum; then
    if render_settings "$1" "$given" ${SETTINGS[@]+"${SETTINGS[@]}"}; then
      use_settings "$WORK/config.toml"
      return
    fi
    complain "the settings are refused: $(tr '\n' ' ' <"$WORK/said")"
  fi
  if accepts "$1" "$now"; then
    say "settings: the last good ones stay"
    return
  fi
  say "settings: nothing usable says fleet.max_capacity_units. The agent ONLY OBSERVES (fleet.actuator = \"dry_run\")"
  local observe=(fleet.actuator=dry_run fleet.max_capacity_units=100)
  if ! render_settings "$1" /dev/null ${SETTINGS[@]+"${SETTINGS[@]}"} "${observe[@]}"; then
    complain "--set is left out: $(tr '\n' ' ' <"$WORK/said")"
    render_settings "$1" /dev/null "${observe[@]}" || die "the release refuses its own defaults: $(<"$WORK/said")"
  fi
  use_settings "$WORK/config.toml"
}

sets_maximum() {
  local setting
  for setting in ${SETTINGS[@]+"${SETTINGS[@]}"}; do
    [[ $setting != fleet.max_capacity_units=* ]] || return 0
  done
  return 1
}

accepts() { # accepts RELEASE-FOLDER SETTINGS-FILE
  [[ -f $2 ]] && timeout 30 "$1/bin/tidemark" check "$2" >"$WORK/said" 2>&1
}

# An idle cluster is ended only where somebody asked for it: in the settings, or by --enable-terminate.
render_settings() { # render_settings RELEASE-FOLDER FILE [KEY=VALUE ...]
  local folder=$1 file=$2 options=() setting
  for setting in "${@:3}"; do
    options+=(--set "$setting")
  done
  timeout 30 "$folder/bin/tidemark" config "$file" --given --default idle.enabled=false \
    --default log.path=/var/log/tidemark/agent.log ${options[@]+"${options[@]}"} >"$WORK/config.toml" 2>"$WORK/said"
}

use_settings() {
  if same "$1" "$ETC/config.toml"; then
    return
  fi
  if [[ -f $ETC/config.toml ]]; then
    cp -p "$ETC/config.toml" "$ETC/config.toml.previous.new"
    mv -f "$ETC/config.toml.previous.new" "$ETC/config.toml.previous"
  fi
  place "$1" "$ETC/config.toml" 0640
  say "settings: written to $ETC/config.toml"
}

# --- files, units, start ------------------------------------------------------------------------------------------

switch_to() { # switch_to RELEASE
  local now
  now=$(readlink "$OPT/current" || true)
  [[ $now != "releases/$1" ]] || return 0
  if [[ -n $now && -d $OPT/$now ]]; then
    link "$now" "$OPT/previous"
  fi
  link "releases/$1" "$OPT/current"
  say "switched to $1"
}

place_files() { # place_files RELEASE-FOLDER
  local unit systemd
  systemd=$(unit_variant)
  for unit in "${UNITS[@]}"; do
    place "$1/units/$systemd/$unit" "$UNIT_FOLDER/$unit" 0644
  done
  [[ -f $ETC/agent.env ]] || {
    environment >"$WORK/agent.env"
    place "$WORK/agent.env" "$ETC/agent.env" 0640
  }
  mkdir -p "$LOG_PUSHER"
  make_as_above "$SHUTDOWN"
  place "$1/share/logpusher.config" "$LOG_PUSHER/tidemark.config" 0644
  place "$1/share/shutdown-action.sh" "$SHUTDOWN/tidemark.sh" 0755
  place "$1/share/config.example.toml" "$ETC/config.example.toml" 0644
}

# A folder that is missing becomes that of the owner of the folder above it: bootstrap actions of others, which run as
# hadoop, put files there too, and would fail the launch if it were root's.
make_as_above() { # make_as_above FOLDER
  [[ -n $1 && ! -d $1 ]] || return 0
  make_as_above "${1%/*}"
  mkdir "$1"
  ((EUID != 0)) || chown --reference="${1%/*}/" "$1"
}

# Directives that 219 does not know would leave the unit without the protection they stand for.
unit_variant() {
  local version
  version=$(timeout 10 systemctl --version | awk 'NR == 1 { print $2 + 0 }') || die "there is no systemd on this node"
  if ((version >= 247)); then
    echo systemd-252
  else
    echo systemd-219
  fi
}

# systemd does not read /etc/environment, where proxies are set.
environment() {
  local name
  echo "# Environment of the agent, for example HTTPS_PROXY. Kept when Tidemark is installed again."
  for name in HTTPS_PROXY https_proxy HTTP_PROXY http_proxy; do
    [[ -z ${!name:-} ]] || printf '%s="%s"\n' "$name" "${!name}"
  done
  printf 'NO_PROXY="169.254.169.254,localhost,127.0.0.1%s"\n' "${NO_PROXY:+,$NO_PROXY}"
}

same() {
  [[ -f $1 && -f $2 && $(<"$1") == "$(<"$2")" ]]
}

place() { # place FILE TARGET MODE: nothing is written when the content is the same
  local group=root
  [[ $2 != "$ETC"/* ]] || group=$GROUP_ID
  if ! same "$1" "$2"; then
    cp "$1" "$2.new"
    owned root "$group" "$3" "$2.new"
    mv -fT "$2.new" "$2"
  fi
  owned root "$group" "$3" "$2"
}

# The units are started again when something that they read has changed since they were last started from here. That
# is written down only after it was done, so that a run which was ended in between is made up for by the next one.
start() {
  local stamp
  stamp=$(stamp_of_installation)
  if [[ -n $ROOT ]]; then
    timeout 30 systemctl --root="$ROOT" enable "${STARTED[@]}" 9>&-
    return
  fi
  local verb=restart
  if [[ -f $OPT/.started && $(<"$OPT/.started") == "$stamp" ]]; then
    verb=start
  else
    timeout 30 systemctl daemon-reload 9>&-
  fi
  timeout 30 systemctl enable "${STARTED[@]}" 9>&-
  if [[ $START == no ]]; then
    return
  fi
  timeout 30 systemctl "$verb" --no-block "${STARTED[@]}" 9>&-
  printf '%s\n' "$stamp" >"$WORK/started"
  mv -f "$WORK/started" "$OPT/.started"
  say "$verb of ${STARTED[*]}"
}

stamp_of_installation() {
  readlink "$OPT/current" "$OPT/current/python"
  (cd "$UNIT_FOLDER" && sha256sum "$ETC/config.toml" "$ETC/agent.env" "${UNITS[@]}")
}

prune() { # the current release and the one before it stay, with the interpreters that they use
  local folder name kept=" " used=" "
  for name in current previous; do
    [[ -L $OPT/$name ]] || continue
    folder=$(readlink "$OPT/$name")
    kept+="${folder##*/} "
    folder=$(readlink "$OPT/$folder/python" || true)
    folder=${folder#../../interpreters/}
    used+="${folder%%/*} "
  done
  for folder in "$OPT"/releases/*; do
    [[ ! -d $folder || $kept == *" ${folder##*/} "* ]] || put_away "$folder"
  done
  for folder in "$OPT"/interpreters/*; do
    [[ ! -d $folder || $used == *" ${folder##*/} "* ]] || put_away "$folder"
  done
}

# --- roll back, remove --------------------------------------------------------------------------------------------

rollback() {
  local now target
  now=$(readlink "$OPT/current" || true)
  target=$(readlink "$OPT/previous" || true)
  [[ -n $target && $target != "$now" && -d $OPT/$target ]] || die "there is no other release to go back to"
  make_folders
  make_user
  runs "$OPT/$target" || die "$target does not run: $(tail -n 1 "$WORK/said")"
  if ! accepts "$OPT/$target" "$ETC/config.toml"; then
    accepts "$OPT/$target" "$ETC/config.toml.previous" \
      || die "$target refuses the settings, and those before them: $(tr '\n' ' ' <"$WORK/said")"
    cp "$ETC/config.toml.previous" "$WORK/config.toml"
    use_settings "$WORK/config.toml"
  fi
  switch_to "${target##*/}"
  place_files "$OPT/$target"
  start
  say "rolled back to ${target##*/}"
}

remove() {
  local unit
  for unit in "${UNITS[@]}"; do
    [[ -z $ROOT && -f $UNIT_FOLDER/$unit ]] || continue
    timeout 60 systemctl disable --quiet "$unit" 9>&- || complain "$unit could not be disabled"
    timeout 60 systemctl stop "$unit" 9>&- || complain "$unit could not be stopped"
  done
  if [[ -x $OPT/current/bin/tidemark ]]; then
    timeout 30 "$OPT/current/bin/tidemark" spark-conf remove --root "${ROOT:-/}" >&3 2>&1 \
      || complain "the sink could not be taken out of Spark's metrics.properties"
  elif grep -qs '^# >>> tidemark' "$ROOT/etc/spark/conf/metrics.properties"; then
    complain "no release is left to take the sink out of Spark's metrics.properties: delete its lines there by hand"
  fi
  for unit in "${UNITS[@]}"; do
    rm -f "$UNIT_FOLDER/$unit" "$UNIT_FOLDER"/*.wants/"$unit"
  done
  [[ -n $ROOT ]] || timeout 30 systemctl daemon-reload 9>&-
  rm -f "$LOG_PUSHER/tidemark.config" "$SHUTDOWN/tidemark.sh"
  rmdir --ignore-fail-on-non-empty "$LOG_PUSHER" "$SHUTDOWN" 2>/dev/null || true
  rm -rf "$ETC" "$STATE" "$OPT"
  remove_user
  say "removed"
  rm -rf "$LOGS"
}

remove_user() {
  local in_image=()
  [[ -z $ROOT ]] || in_image=(--prefix "$ROOT")
  ((EUID == 0)) || return 0
  ! ids_of_user || userdel ${in_image[@]+"${in_image[@]}"} tidemark || complain "the user tidemark could not be removed"
  ! grep -q '^tidemark:' "$ROOT/etc/group" 2>/dev/null || groupdel ${in_image[@]+"${in_image[@]}"} tidemark \
    || complain "the group tidemark could not be removed"
}

# --- when it failed -----------------------------------------------------------------------------------------------

# One metric, for an alarm: who launched the cluster does not read this node's log.
report_failure() {
  local cluster
  [[ $MODE == install ]] || return 0
  command -v aws >/dev/null && command -v timeout >/dev/null || return 0
  from_info job-flow.json jobFlowId
  [[ -n $REPLY ]] || from_info extraInstanceData.json jobFlowId
  cluster=${REPLY:-unknown}
  find_region
  AWS_MAX_ATTEMPTS=1 timeout -k 1 "$((REPORT_LIMIT_S - 5))" aws cloudwatch put-metric-data --namespace Tidemark \
    --metric-name InstallFailed --value 1 --unit Count --dimensions "ClusterId=$cluster" \
    --cli-connect-timeout 3 --cli-read-timeout 5 >/dev/null 2>&1 \
    || say "warning: the metric InstallFailed could not be sent"
}

main "$@"

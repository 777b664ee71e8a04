#!/usr/bin/env bash
# A SLURM cluster of one node with two pretended GPUs, for tests; needs root.
#   slurm.sh up FOLDER      start it; its configuration, keys and logs live in FOLDER
#   slurm.sh down FOLDER    stop it and remove the pretended devices
# The configuration is linked where SLURM's commands look for it: jobs lose SLURM_CONF.
# Exit code 3: the packages cannot be had here, this is not root, or it has a SLURM.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin # the daemons; not every user's PATH has them

action=${1:?up or down}
folder=$(realpath -m "${2:?folder of the cluster}")
place=/etc/slurm

unavailable() {
    echo "no SLURM here: $*" >&2
    exit 3
}

check_packages() {
    local command
    for command in slurmctld slurmd munged squeue scancel; do
        command -v "$command" > /dev/null \
            || unavailable "$command is missing (tests/system_packages.sh installs slurm-wlm and munge)"
    done
}

# A cluster of a test that was killed is taken down; another one is left alone.
clear_place() {
    [ -e "$place/slurm.conf" ] || [ -L "$place/slurm.conf" ] || return 0
    [ -L "$place/slurm.conf" ] || unavailable "this machine has one of its own ($place)"
    local other
    other=$(dirname "$(readlink "$place/slurm.conf")")
    if [ -f "$other/slurmctld.pid" ] && is_running "$(cat "$other/slurmctld.pid")"; then
        unavailable "another test's cluster is running ($other)"
    fi
    rm -f "$place/slurm.conf" "$place/gres.conf"
}

write_configuration() {
    local host sockets cores threads
    host=$(hostname -s)
    read -r sockets cores threads < <(slurmd -C | awk '
        /^NodeName/ { for (i = 1; i <= NF; i++) { split($i, pair, "="); value[pair[1]] = pair[2] }
        print value["SocketsPerBoard"], value["CoresPerSocket"], value["ThreadsPerCore"] }')
    # Device *files* are what SLURM counts; null devices do.
    for number in 0 1; do
        mknod "$folder/gpu$number" c 1 3
        echo "NodeName=$host Name=gpu File=$folder/gpu$number"
    done > "$folder/gres.conf"
    cat > "$folder/slurm.conf" << CONFIGURATION
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
# More memory than there is: requests that grow with each try must fit.
SlurmdParameters=config_overrides
KillWait=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
SlurmctldPort=16817
SlurmdPort=16818
NodeName=$host NodeAddr=127.0.0.1 Sockets=$sockets CoresPerSocket=$cores ThreadsPerCore=$threads RealMemory=256000 Gres=gpu:2
PartitionName=cpu Nodes=$host Default=YES MaxTime=INFINITE State=UP OverSubscribe=YES:4
PartitionName=gpu Nodes=$host MaxTime=INFINITE State=UP OverSubscribe=YES:4
CONFIGURATION
}

start() {
    [ "$(id -u)" = 0 ] || unavailable "the daemons need root"
    check_packages
    clear_place
    rm -rf "$folder"
    mkdir -p "$folder/state" "$folder/spool" "$place"
    write_configuration
    ln -sf "$folder/slurm.conf" "$folder/gres.conf" "$place"
    # munged refuses sockets and keys below folders that others may write to.
    dd if=/dev/urandom of="$folder/munge.key" bs=1024 count=1 status=none
    chmod 600 "$folder/munge.key"
    munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" \
        --pid-file="$folder/munge.pid" --log-file="$folder/munge.log" \
        --seed-file="$folder/munge.seed"
    slurmctld
    slurmd
    for _ in $(seq 60); do
        [ "$(sinfo --noheader --format=%t --partition=gpu 2> /dev/null)" = idle ] && return
        sleep 0.5
    done
    tail -n 20 "$folder"/*.log >&2
    stop
    echo "the cluster did not come up within 30 s" >&2
    exit 1
}

# Ended daemons stay as zombies where nothing adopts them, as in containers.
is_running() {
    [ -d "/proc/$1" ] && ! grep --quiet "^State:.Z" "/proc/$1/status"
}

stop() {
    local daemon pid
    # What a failed test has left running ends before its cluster does.
    if [ "$(readlink "$place/slurm.conf")" = "$folder/slurm.conf" ]; then
        timeout 10 scancel --quiet --user="$(id -un)" || true
        sleep 0.5
    fi
    for daemon in slurmd slurmctld munge; do
        [ -f "$folder/$daemon.pid" ] || continue
        pid=$(cat "$folder/$daemon.pid")
        kill "$pid" 2> /dev/null || continue
        for _ in $(seq 50); do
            is_running "$pid" || break
            sleep 0.1
        done
        ! is_running "$pid" || kill -KILL "$pid"
    done
    rm -f "$folder"/gpu[01]
    if [ "$(readlink "$place/slurm.conf")" = "$folder/slurm.conf" ]; then
        rm "$place/slurm.conf" "$place/gres.conf"
    fi
}

case $action in
    up) start ;;
    down) stop ;;
    *) echo "unknown action $action: up or down" >&2; exit 2 ;;
esac

#!/bin/sh
# A Slurm cluster of some nodes on this machine, for tests and for trying things out. No systemd, no
# cgroups, no slurmdbd; needs Debian's slurm-wlm and munge.
#   cluster.sh start FOLDER [NODES] [PORT]   prints the SLURM_CONF to use; FOLDER absolute and short
#   cluster.sh stop FOLDER
# What is set here and why: a requeued job is held back by cred_expire (2 minutes by default); a dead
# slurmd is noticed after SlurmdTimeout; KillWait lies between SIGTERM and SIGKILL; a requeued job
# would begin its output anew without JobFileAppend; where no cgroups are mounted (a chroot, a container)
# slurmd refuses to start unless it is told which kind there is not.
set -eu
PATH=$PATH:/usr/sbin:/sbin
command=$1
folder=$2
SLURM_CONF=$folder/slurm.conf
export SLURM_CONF

stop() {
  scancel --quiet --user="$(id -un)" 2>/dev/null || true
  for i in $(seq 50); do
    [ -z "$(squeue --noheader 2>/dev/null || true)" ] && break
    sleep 0.1
  done
  # munged last: the others sign with it.
  for file in "$folder"/run/slurmd.*.pid "$folder/run/slurmctld.pid" "$folder/run/munged.pid"; do
    [ -s "$file" ] || continue
    pid=$(cat "$file")
    kill "$pid" 2>/dev/null || continue
    for i in $(seq 50); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
  done
}

fail() {
  echo "cluster.sh: $1; the ends of the logs in $folder/log:" >&2
  for log in "$folder"/log/*.log; do tail -n 3 "$log" >&2; done
  stop
  exit 1
}

start() {
  nodes=${1:-4}
  port=${2:-17000}
  host=$(hostname -s)
  user=$(id -un)
  mkdir -p -m 755 "$folder" "$folder/state" "$folder/spool" "$folder/log" "$folder/run"
  (umask 077 && head -c 128 /dev/urandom >"$folder/munge.key")
  munged --force --key-file="$folder/munge.key" --socket="$folder/run/munge.sock" \
    --pid-file="$folder/run/munged.pid" --log-file="$folder/log/munged.log" \
    --seed-file="$folder/run/seed" >&2
  cat >"$SLURM_CONF" <<EOF
ClusterName=labhost
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$folder/run/munge.sock,cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmctldPidFile=$folder/run/slurmctld.pid
SlurmdPidFile=$folder/run/slurmd.%n.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/log/jobcomp.log
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0
SlurmdTimeout=5
KillWait=2
ReturnToService=2
JobRequeue=1
JobFileAppend=1
SlurmdParameters=config_overrides
NodeName=n[1-$nodes] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + nodes))] CPUs=1 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=60 State=UP
EOF
  [ -e /sys/fs/cgroup/cgroup.controllers ] ||
    printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' >"$folder/cgroup.conf"
  slurmctld -f "$SLURM_CONF" || fail "slurmctld did not start"
  for i in $(seq "$nodes"); do
    slurmd -f "$SLURM_CONF" -N "n$i" || fail "slurmd of n$i did not start"
  done
  for i in $(seq 300); do
    idle=$(sinfo --noheader --Node --states=idle --format=%N 2>/dev/null | wc -l)
    if [ "$idle" = "$nodes" ]; then
      echo "$SLURM_CONF"
      return
    fi
    sleep 0.1
  done
  fail "expected $nodes idle nodes within 30 s, found $idle"
}

case $command in
  start) start "${3:-4}" "${4:-17000}" ;;
  stop) stop ;;
  *) echo "cluster.sh: expected start or stop, found $command" >&2; exit 2 ;;
esac

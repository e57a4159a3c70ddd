# Runs as root in a rock above a full base, with packages in /debs; prints "name: what was said".
set -eu
export DEBIAN_FRONTEND=noninteractive

say() {
    echo "$1: $(eval "$2" 2>&1)"
}

say audit 'dpkg --audit'
say check 'apt-get check -qq && echo ok'
say su 'su -c "echo ok"'
say nobody 'su -s /bin/sh nobody -c "id -un"'
say daemon 'id -u _daemon_'
say awk "awk 'BEGIN { print 1 + 1 }'"
say pam 'pam-auth-update --package && ls /etc/pam.d | grep -c pam-old || true'
say special 'find / -xdev -type f -perm /6000'
dpkg --verify >/verified
say changed 'grep -v "^missing" /verified || true'
say missing 'grep "^missing" /verified | grep -v /usr/share || true'
say locale 'LC_ALL=C.UTF-8 locale charmap'
say date 'TZ=Europe/Berlin date -d @0 +%H'
say tls 'openssl version -d'
say sources 'cat /etc/apt/sources.list.d/*.sources | grep -c ^URIs'

# Not waiting for the disk: this file system ends with the container.
unsafe='--option Dpkg::Options::=--force-unsafe-io'
apt-get install --yes --no-install-recommends $unsafe /debs/*.deb >/log 2>&1 || {
    cat /log
    exit 1
}
say installed 'dpkg --audit && apt-get check -qq && echo ok'
say editor 'readlink -f /usr/bin/editor'
say pager 'readlink -f /usr/bin/pager'
say user 'id -un messagebus'
say trigger 'grep -c "^Processing triggers for libc-bin" /log'
say errors 'grep -iE "^(dpkg: (error|warning)|cannot)|not found|locally modified" /log || true'

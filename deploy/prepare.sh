#!/usr/bin/env bash
# Makes what compose.yaml needs and must not hold: keys, passwords, certificates, folders, and the env file.
#
#   deploy/prepare.sh [FOLDER]     FOLDER is deploy/local unless said otherwise
#
# Run it as often as you like: what is there is kept, never written over. It needs openssl and `fuyuan` (FUYUAN names
# another command, e.g. one that runs the image). AGENCY and CONTRACT name the party of the agent and what it follows.
set -euo pipefail
umask 077

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${1:-$here/local}
fuyuan=${FUYUAN:-fuyuan}
agency=${AGENCY:-my-licences}
contract=${CONTRACT:-debtors-to-market-regulation}

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
if ! mkdir "$folder/.preparing"; then
  echo "another run is at work in $folder; if none is, remove $folder/.preparing" >&2
  exit 1
fi
trap 'rm -rf "$folder/.preparing"' EXIT
mkdir -p "$folder"/{keys,secrets,public} "$folder"/state/{postgres,kafka-1,kafka-2,kafka-3,agent}

# make FILE COMMAND...: what the command writes to stdout becomes FILE, unless it is there. A run that dies leaves no
# half a file, so that the next one makes it whole.
make() {
  local file=$folder/$1
  shift
  if [[ -e $file ]]; then
    echo "kept  ${file#"$folder"/}"
    return
  fi
  "$@" >"$folder/.preparing/new"
  mv "$folder/.preparing/new" "$file"
  echo "made  ${file#"$folder"/}"
}

party_key() { # FILE PARTY: the private key into FILE, the public one into public/PARTY.json
  if [[ -e $folder/$1 ]]; then
    echo "kept  $1"
    return
  fi
  $fuyuan keys new "$2" "$folder/.preparing/private" >"$folder/.preparing/public"
  mv "$folder/.preparing/public" "$folder/public/$2.json"
  mv "$folder/.preparing/private" "$folder/$1"
  echo "made  $1"
}

password() { openssl rand -hex 32; }

authority() { # the certificate of an authority for the servers of this compose file alone
  openssl req -x509 -new -key "$folder/secrets/ca.key" -sha256 -days 3650 -subj "/CN=fuyuan internal" \
    -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign"
}

authority_is_here() { # its key fits its certificate; else nothing can be signed that the others would trust
  local key=$folder/secrets/ca.key certificate=$folder/secrets/ca.pem
  if [[ ! -e $key ]]; then
    echo "secrets/ca.key is not there, which signs certificates." >&2
  elif ! cmp -s <(openssl pkey -in "$key" -pubout) <(openssl x509 -in "$certificate" -noout -pubkey); then
    echo "secrets/ca.key is not the key of secrets/ca.pem." >&2
  else
    return 0
  fi
  echo "Bring it back and run this again; or, for a new authority, remove ca.key, ca.pem and the certificates of all" \
    "servers (postgres.pem, kafka-*.pem), run this again and restart everything." >&2
  exit 1
}

server() { # NAME: key and certificate in one PEM file
  authority_is_here
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$folder/.preparing/key"
  openssl req -new -key "$folder/.preparing/key" -subj "/CN=$1" -out "$folder/.preparing/request"
  printf '%s\n' "subjectAltName=DNS:$1" "basicConstraints=critical,CA:FALSE" \
    "keyUsage=critical,digitalSignature" "extendedKeyUsage=serverAuth,clientAuth" >"$folder/.preparing/extensions"
  cat "$folder/.preparing/key"
  openssl x509 -req -in "$folder/.preparing/request" -sha256 -days 825 -extfile "$folder/.preparing/extensions" \
    -CA "$folder/secrets/ca.pem" -CAkey "$folder/secrets/ca.key" \
    -set_serial "0x$(openssl rand -hex 16)" 2>"$folder/.preparing/said" || {
    cat "$folder/.preparing/said" >&2
    exit 1
  }
}

party_key keys/signing.jwk fuyuan-gateway
make keys/vault.key openssl rand 32
make keys/records.key openssl rand 32

if [[ ! -e $folder/secrets/ca.pem ]]; then # one that is kept off this machine is not made anew
  make secrets/ca.key openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256
fi
make secrets/ca.pem authority
for name in postgres kafka-1 kafka-2 kafka-3; do
  make "secrets/$name.pem" server "$name"
done

make secrets/postgres-admin-password password
make secrets/postgres-password password
make secrets/pgpass sed 's/^/postgres:5432:fuyuan:fuyuan:/' "$folder/secrets/postgres-password"

make secrets/kafka-gateway-password password

party_key secrets/agency.jwk "$agency"
make secrets/agency-token password

# The containers run as whoever owns these files, and as root never.
uid=$(id -u) gid=$(id -g)
if ((uid == 0)); then
  uid=10001 gid=10001
fi
environment() {
  cat <<END
FUYUAN_LOCAL=$folder
FUYUAN_UID=$uid
FUYUAN_GID=$gid
FUYUAN_KAFKA_CLUSTER=$(openssl rand -base64 16 | tr '+/' '-_' | tr -d '=')
FUYUAN_AGENCY=$agency
FUYUAN_AGENT_CONTRACT=$contract
END
}
make env environment
if (($(id -u) == 0)); then
  uid=$(sed -n 's/^FUYUAN_UID=//p' "$folder/env") gid=$(sed -n 's/^FUYUAN_GID=//p' "$folder/env")
  chown -R "$uid:$gid" "$folder"/{keys,secrets,state}
fi

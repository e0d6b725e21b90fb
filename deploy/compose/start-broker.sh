#!/usr/bin/env bash
# Starts one broker of compose.yaml; its storage is formatted the first time, with the gateway's user in it, since
# nobody could log in to make the first one.
set -euo pipefail
umask 077

kafka=${KAFKA_HOME:-/opt/kafka}
given=${BROKER_PROPERTIES:-/etc/fuyuan/broker.properties}
password_file=${PASSWORD_FILE:-/run/secrets/kafka-gateway-password}
properties=${TMPDIR:-/tmp}/broker.properties
export LOG_DIR=${TMPDIR:-/tmp}
export EXTRA_ARGS="-name kafkaServer" # without the log of garbage collections, which would fill /tmp
export KAFKA_LOG4J_OPTS=-Dlog4j2.configurationFile=${given%/*}/log4j2.yaml

cat "$given" - >"$properties" <<END
node.id=$NODE_ID
advertised.listeners=CLIENT://kafka-$NODE_ID:9092,BROKER://kafka-$NODE_ID:9094
END

# Its own words on stdout hold what the password was turned into, and stdout is the container's log.
"$kafka/bin/kafka-storage.sh" format --ignore-formatted "--cluster-id=$CLUSTER_ID" --config "$properties" \
  --add-scram "SCRAM-SHA-512=[name=fuyuan-gateway,password=$(<"$password_file")]" >/dev/null
exec "$kafka/bin/kafka-server-start.sh" "$properties"

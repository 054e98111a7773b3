#!/usr/bin/env bash
# Kafka's own kafka-acls.sh: for what `todo kafka acls` prints, with this folder on the PATH.
exec "$(dirname "$0")/kafka" tool org.apache.kafka.tools.AclCommand "$@"

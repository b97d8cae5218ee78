#!/bin/sh
# Healthy when its page answers and the broker has its retained word that the bridge is online.
set -e
docker exec zigbee2mqtt wget -q -O /dev/null http://127.0.0.1:8080/
docker exec mosquitto mosquitto_sub -h 127.0.0.1 -t zigbee2mqtt/bridge/state -C 1 -W 4 | grep -q online

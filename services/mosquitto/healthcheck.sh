#!/bin/sh
# Healthy when the broker hands out its own uptime: it accepts, authenticates, and delivers.
exec docker exec mosquitto mosquitto_sub -h 127.0.0.1 -t '$SYS/broker/uptime' -C 1 -W 4

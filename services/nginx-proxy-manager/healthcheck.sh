#!/bin/sh
# Healthy when the admin API says so: it needs its database, which the port alone does not show.
exec docker exec nginx-proxy-manager /usr/bin/check-health

#!/bin/sh
# Run by PostgreSQL's image on an empty volume, and by hand where the machine is another (database.yaml).
set -eu
log=$(cat /run/secrets/log_password)
mlflow=$(cat /run/secrets/mlflow_password)
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" \
    --set log_password="$log" \
    --set mlflow_password="$mlflow" \
    --file /etc/storecast/databases.sql

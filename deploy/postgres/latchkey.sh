#!/bin/sh
# Creates the login role of the server and its database: no superuser, no BYPASSRLS. Run once, by a superuser (psql's settings are those of
# the environment); the image `postgres` runs it when it makes its cluster. The password is LATCHKEY_DATABASE_PASSWORD.
set -eu
psql --set=ON_ERROR_STOP=1 --no-psqlrc --set=password="${LATCHKEY_DATABASE_PASSWORD:?}" \
  --username="${POSTGRES_USER:-postgres}" --dbname=postgres <<'SQL'
create role latchkey login createrole password :'password';
create database latchkey owner latchkey;
SQL

drop table latchkey.secret_canary;

drop table latchkey.api_keys;

drop table latchkey.device_authorizations;

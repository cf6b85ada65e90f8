drop table latchkey.backup_codes;
drop table latchkey.totp_secrets;

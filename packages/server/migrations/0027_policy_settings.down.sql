alter table latchkey.security_policies add column password_settings jsonb;

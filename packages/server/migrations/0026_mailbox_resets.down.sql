alter table latchkey.passwords drop column reset_at;

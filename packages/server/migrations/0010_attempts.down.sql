comment on column latchkey.sessions.limited_to is null;
drop index latchkey.attempts_user;
alter table latchkey.attempts drop column tokens;
alter table latchkey.attempts drop column requirements;

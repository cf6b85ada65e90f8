-- expand 0.1
-- Sign-ins that wait for a further step keep what they still require, and whether tokens follow.
alter table latchkey.attempts add column requirements jsonb not null default '[]';
alter table latchkey.attempts add column tokens boolean not null default false;
create index attempts_user on latchkey.attempts (user_id) where finished_at is null;

-- An expired password is a step of the sign-in now, and no longer a limited session. The previous version may still
-- write such sessions during an upgrade: they are refused. The column is dropped once no version writes it.
delete from latchkey.sessions where limited_to is not null;
comment on column latchkey.sessions.limited_to is 'Written by versions before 0010; such sessions are refused.';

drop index latchkey.links_email;
drop index latchkey.attempts_user;
create index attempts_user on latchkey.attempts (user_id) where finished_at is null;
drop index latchkey.sessions_user;
create index sessions_user on latchkey.sessions (user_id) where ended_at is null;
drop index latchkey.emails_user;

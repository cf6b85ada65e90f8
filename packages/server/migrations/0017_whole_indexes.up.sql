-- expand 0.1
-- Partial indexes do not serve foreign keys: deleting a user searched these tables from end to end. Nor did they serve
-- the verified addresses of a user, which invitations are compared with.
create index emails_user on latchkey.emails (user_id);
drop index latchkey.sessions_user;
create index sessions_user on latchkey.sessions (user_id);
drop index latchkey.attempts_user;
create index attempts_user on latchkey.attempts (user_id);
create index links_email on latchkey.links (email_id) where email_id is not null;

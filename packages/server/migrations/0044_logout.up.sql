-- expand 0.1
-- One message to an app that a session with it has ended (OpenID Connect Back-Channel Logout 1.0). Without foreign keys: it is
-- sent after the session, and maybe the user, were deleted.
create table latchkey.logout_deliveries (
  id text primary key,
  client_id text not null,
  session_id text not null,
  -- null once the message is finished
  user_id text,
  created_at timestamptz not null,
  next_at timestamptz not null,
  attempts int not null default 0,
  attempted_at timestamptz,
  outcome text check (outcome in ('delivered', 'failed')),
  -- of the app's last answer; null: there was none
  status int,
  error text,
  unique (session_id, client_id)
);
create index logout_deliveries_due on latchkey.logout_deliveries (client_id, next_at) where outcome is null;
create index logout_deliveries_last on latchkey.logout_deliveries (client_id, attempted_at desc) where attempted_at is not null;
create index logout_deliveries_created on latchkey.logout_deliveries (created_at);

alter table latchkey.logout_deliveries enable row level security;
alter table latchkey.logout_deliveries force row level security;
create policy system on latchkey.logout_deliveries to latchkey_system using (true) with check (true);

-- Every end of a session queues the messages in its transaction: by triggers, so that no statement of any version can forget it.
-- The job only wakes the sender. Which apps want a message is judged when it is sent: callers do not see the settings of apps.
create function latchkey.queue_logouts() returns trigger language plpgsql as $$
declare
  app text;
  delivery text;
  ended timestamptz := pg_catalog.now();
begin
  if tg_op = 'UPDATE' then
    ended := new.ended_at;
  end if;
  for app in select c.client_id from latchkey.client_sessions c where c.session_id = old.id order by c.client_id loop
    delivery := 'lgo_' || replace(gen_random_uuid()::text, '-', '');
    insert into latchkey.logout_deliveries (id, client_id, session_id, user_id, created_at, next_at)
    values (delivery, app, old.id, old.user_id, ended, ended)
    on conflict do nothing;
  end loop;
  if delivery is not null then
    insert into latchkey.jobs (id, kind, payload, run_at, created_at)
    values ('job_' || replace(gen_random_uuid()::text, '-', ''), 'logouts.send', '{}', ended, ended);
  end if;
  return old;
end $$;
create trigger queue_logouts after update of ended_at on latchkey.sessions for each row
  when (old.ended_at is null and new.ended_at is not null)
  execute function latchkey.queue_logouts();
-- before: the rows of client_sessions go with that of the session
create trigger queue_logouts_deleted before delete on latchkey.sessions for each row
  when (old.ended_at is null)
  execute function latchkey.queue_logouts();

-- what apps keep while a user is away ends with the access of the account
create index token_families_offline on latchkey.token_families (user_id, id) where session_id is null and revoked_at is null;

-- Callers end their own sessions: their transactions read which apps those have, and queue messages about them alone.
create policy own on latchkey.client_sessions for select to latchkey_request
  using (session_id in (select s.id from latchkey.sessions s where s.user_id = (select latchkey.user_id())));
grant select on latchkey.client_sessions to latchkey_request;
create policy caller_writes on latchkey.logout_deliveries for insert to latchkey_request
  with check (user_id = (select latchkey.user_id()) and exists (
    select from latchkey.client_sessions c
    where c.session_id = logout_deliveries.session_id and c.client_id = logout_deliveries.client_id));
grant insert (id, client_id, session_id, user_id, created_at, next_at) on latchkey.logout_deliveries to latchkey_request;

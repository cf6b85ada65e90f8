-- expand 0.1
-- What names a session to an app with pairwise subjects was computed from the server's secret, so that an app could not recognize it
-- after another secret was set. It is stored with the sign-in to the app, and copied into the message about its end. Rows of the
-- previous version have none until the app gets its next ID token.
alter table latchkey.client_sessions add column sid text;
alter table latchkey.logout_deliveries add column sid text;
-- callers queue messages about their own sessions, by the names that these have
grant insert (sid) on latchkey.logout_deliveries to latchkey_request;
drop policy caller_writes on latchkey.logout_deliveries;
create policy caller_writes on latchkey.logout_deliveries for insert to latchkey_request
  with check (user_id = (select latchkey.user_id()) and exists (
    select from latchkey.client_sessions c
    where c.session_id = logout_deliveries.session_id and c.client_id = logout_deliveries.client_id
      and coalesce(c.sid, '') = coalesce(logout_deliveries.sid, '')));

create or replace function latchkey.queue_logouts() returns trigger language plpgsql as $$
declare
  app record;
  delivery text;
  ended timestamptz := pg_catalog.now();
begin
  if tg_op = 'UPDATE' then
    ended := new.ended_at;
  end if;
  for app in
    select c.client_id, c.sid from latchkey.client_sessions c where c.session_id = old.id order by c.client_id
  loop
    delivery := 'lgo_' || replace(gen_random_uuid()::text, '-', '');
    insert into latchkey.logout_deliveries (id, client_id, session_id, sid, user_id, created_at, next_at)
    values (delivery, app.client_id, old.id, app.sid, old.user_id, ended, ended)
    on conflict do nothing;
  end loop;
  if delivery is not null then
    insert into latchkey.jobs (id, kind, payload, run_at, created_at)
    values ('job_' || replace(gen_random_uuid()::text, '-', ''), 'logouts.send', '{}', ended, ended);
  end if;
  return old;
end $$;

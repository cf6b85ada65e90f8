create or replace function latchkey.queue_logouts() returns trigger language plpgsql as $$
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

drop policy caller_writes on latchkey.logout_deliveries;
create policy caller_writes on latchkey.logout_deliveries for insert to latchkey_request
  with check (user_id = (select latchkey.user_id()) and exists (
    select from latchkey.client_sessions c
    where c.session_id = logout_deliveries.session_id and c.client_id = logout_deliveries.client_id));
alter table latchkey.logout_deliveries drop column sid;
alter table latchkey.client_sessions drop column sid;

-- expand 0.1
-- A text sealed under LATCHKEY_SECRET: a server that cannot open it has another secret than the data, and refuses to start.
create table latchkey.secret_canary (
  id boolean primary key default true check (id),
  sealed text not null,
  sealed_at timestamptz not null
);
alter table latchkey.secret_canary enable row level security;
alter table latchkey.secret_canary force row level security;
create policy system on latchkey.secret_canary to latchkey_system using (true) with check (true);

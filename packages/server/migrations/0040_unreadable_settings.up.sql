-- expand 0.1
-- Not null: the connection is disabled because its settings could not be read, and is active again once they can be.
alter table latchkey.connections add column unreadable_since timestamptz;
-- Whether a process has read the settings as they are stored. Of a change by a newer version, or by hand, that is to be judged.
alter table latchkey.connections add column settings_read boolean not null default false;
grant select (unreadable_since) on latchkey.connections to latchkey_request;
create index connections_to_read on latchkey.connections (id) where not settings_read or unreadable_since is not null;
create function latchkey.forget_reading() returns trigger language plpgsql as $$
begin
  new.settings_read := false;
  return new;
end $$;
create trigger forget_reading before update of settings on latchkey.connections for each row
  when (old.settings is distinct from new.settings)
  execute function latchkey.forget_reading();

-- what a sweep every ten minutes clears
create index round_trips_to_clear on latchkey.round_trips (expires_at) where answer is not null or identity is not null;

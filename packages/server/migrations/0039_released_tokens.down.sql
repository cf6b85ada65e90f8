drop index latchkey.identities_tokens;
drop table latchkey.released_connections;
delete from latchkey.saml_sessions m
  where not exists (select from latchkey.connections c where c.id = m.connection_id);
alter table latchkey.saml_sessions add constraint saml_sessions_connection_id_fkey
  foreign key (connection_id) references latchkey.connections on delete cascade;
update latchkey.identities i set connection_id = null
  where connection_id is not null and not exists (select from latchkey.connections c where c.id = i.connection_id);
alter table latchkey.identities add constraint identities_connection_id_fkey
  foreign key (connection_id) references latchkey.connections on delete set null;

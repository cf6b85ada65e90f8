drop index latchkey.token_families_end;
drop index latchkey.logout_deliveries_open;
delete from latchkey.logout_deliveries d using latchkey.logout_deliveries later
  where later.session_id = d.session_id and later.client_id = d.client_id and later.id > d.id;
alter table latchkey.logout_deliveries add unique (session_id, client_id);
drop index latchkey.grants_listed;
delete from latchkey.grants where withdrawn_at is not null;
alter table latchkey.grants drop column withdrawn_at;

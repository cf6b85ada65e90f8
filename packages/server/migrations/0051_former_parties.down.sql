delete from latchkey.released_connections where former_of is not null;
drop index latchkey.released_connections_former;
alter table latchkey.released_connections drop column former_of;

drop index latchkey.round_trips_to_clear;
drop trigger forget_reading on latchkey.connections;
drop function latchkey.forget_reading();
drop index latchkey.connections_to_read;
alter table latchkey.connections drop column settings_read;
alter table latchkey.connections drop column unreadable_since;

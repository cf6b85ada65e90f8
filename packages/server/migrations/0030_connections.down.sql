drop table latchkey.connection_events;
drop table latchkey.round_trips;
drop table latchkey.identities;
drop table latchkey.connections;

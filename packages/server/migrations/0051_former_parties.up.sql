-- expand 0.1
-- A connection that is changed to another party twice before the jobs of the first change have run: what the tokens of the first
-- party are revoked with is kept beside that of the second, as a row whose id is not that of the connection.
alter table latchkey.released_connections add column former_of text;
create index released_connections_former on latchkey.released_connections (former_of) where former_of is not null;

drop index latchkey.clients_registered;

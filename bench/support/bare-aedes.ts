// The measure for MQTT: a broker of the same library that stores nothing and asks nobody who they are.
import { createServer } from 'node:net';
import { Aedes } from 'aedes';

const broker = await Aedes.createBroker();
// Client ids are private to a device in the product; here every load connection needs one of its own.
let clients = 0;
broker.authenticate = (client, _username, _password, done) => {
  clients += 1;
  (client as { id: string }).id = `bench-${clients}`;
  done(null, true);
};
const server = createServer(broker.handle);
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address !== 'string') process.send?.(address.port);
});

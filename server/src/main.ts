// `npm start`: read the configuration, build, listen, and close gracefully.
import { runServer } from './run-server.ts';

await runServer();

import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { env } from 'node:process';

// Compiled code is kept between calls: it halves the time to start. In the user's own directory, where no other user
// can put code into it. Everything else is loaded after this.
const cache = env['XDG_CACHE_HOME'] || (env['HOME'] ? join(env['HOME'], '.cache') : '');
if (cache !== '') enableCompileCache(join(cache, 'virtmesh', 'node'));
const { runProcess } = await import('./run.ts');
await runProcess(process);

import { keyed } from './arguments.ts';
import type { Builder } from './context.ts';

/** What the firmware tries. `strict` keeps it from trying anything else. */
export const boot: Builder = ({ spec }) => {
  const { kernelPath, initrdPath, kernelArgs, menu, menuTimeoutMs } = spec.boot ?? {
    kernelPath: '',
    initrdPath: '',
    kernelArgs: '',
    menu: false,
    menuTimeoutMs: 0,
  };
  return [
    ...keyed('-boot', undefined, { strict: true, menu: menu || undefined, 'splash-time': menuTimeoutMs || undefined }),
    ...(kernelPath === '' ? [] : ['-kernel', kernelPath]),
    ...(initrdPath === '' ? [] : ['-initrd', initrdPath]),
    ...(kernelArgs === '' ? [] : ['-append', kernelArgs]),
  ];
};

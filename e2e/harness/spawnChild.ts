/** Starts a program that does not outlive the tests, even when they are killed. */

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { findProgram } from './programs.ts'

/** Has the kernel kill the program with its parent; util-linux has it, other systems lack it. */
const setpriv = process.platform === 'linux' ? findProgram('setpriv') : null

const running = new Set<ChildProcess>()

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a program as `spawn` does. */
export function spawnChild(
  program: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  const child = setpriv
    ? spawn(setpriv, ['--pdeathsig', 'KILL', program, ...args], options)
    : spawn(program, args, options)
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

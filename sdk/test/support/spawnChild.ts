/** Starts a program that does not outlive the tests, even when they are killed. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'

/** Has the kernel kill the program with its parent; util-linux has it, other systems lack it. */
const SETPRIV = '/usr/bin/setpriv'
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
  const child = existsSync(SETPRIV)
    ? spawn(SETPRIV, ['--pdeathsig', 'KILL', program, ...args], options)
    : spawn(program, args, options)
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

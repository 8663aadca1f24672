// Stands for Jenkins: reads a declarative pipeline and carries out its stages in order. It knows the words that our
// pipelines use and refuses all others. Each thing done is a line of JSON in the file RECORD; `sh` really runs.
//   groovy stand_in.groovy PIPELINE RECORD FOLDER   parameters and answers by the environment:
//   PARAM_NAME, BRANCH, TAG, ANSWER (proceed or abort)
import groovy.json.JsonOutput

class Aborted extends RuntimeException { }
class Failed extends RuntimeException { Failed(String m) { super(m) } }

class Run {
    File record, folder
    Script script
    Map<String, String> env = [:]
    Map<String, Object> params = [:]
    String result = 'SUCCESS'
    List<Integer> limits = [] // of time, in hours, that hold now; outermost first

    void note(Map what) { record.append(JsonOutput.toJson(what) + '\n') }

    // --- steps
    void sh(Map given) { sh(given.script as String) }

    void sh(String script) {
        note([step: 'sh', script: script, within: limits, env: env.keySet().findAll { it.startsWith('AWS_') || it in ['BACKEND', 'KUBECONFIG', 'REGISTRY_PASSWORD', 'STORECAST_SMOKE_KEY', 'STORECAST_CA'] }.sort()])
        def builder = new ProcessBuilder('sh', '-ec', script).directory(folder).inheritIO()
        builder.environment().putAll(env)
        params.each { name, value -> builder.environment().put(name as String, value as String) }
        int status = builder.start().waitFor()
        if (status != 0) { throw new Failed("${script} ended with ${status}") }
    }

    void echo(String text) { note([step: 'echo', text: text]) }
    void junit(Map given) { note([step: 'junit', of: given.testResults]) }
    void archiveArtifacts(Map given) { note([step: 'archive', of: given.artifacts]) }

    void input(Map given) {
        note([step: 'input', within: limits, message: given.message as String, submitter: given.submitter])
        if (System.getenv('ANSWER') != 'proceed') { throw new Aborted() }
    }

    void timeout(Map given, Closure inside) { within([given], { steps(inside) }) }

    void within(List<Map> given, Closure inside) {
        def before = limits
        limits = before + given.collect { it.time * [HOURS: 1, DAYS: 24][it.unit] }
        try { inside() } finally { limits = before }
    }

    Map file(Map given) { [id: given.credentialsId as String, names: [given.variable]] }
    Map string(Map given) { [id: given.credentialsId as String, names: [given.variable]] }
    Map usernamePassword(Map given) { [id: given.credentialsId as String, names: [given.usernameVariable, given.passwordVariable]] }

    void withCredentials(List bindings, Closure inside) {
        note([step: 'credentials', ids: bindings*.id])
        def before = new HashMap(env)
        bindings.each { binding -> binding.names.each { env[it] = System.getenv("SECRET_${it}") ?: 'secret' } }
        try { steps(inside) } finally { env.clear(); env.putAll(before) }
    }

    void steps(Closure body) {
        body.delegate = this
        body.resolveStrategy = Closure.DELEGATE_FIRST
        body()
    }

    // --- conditions
    boolean when(Closure body) {
        def asked = []
        def words = new Expando()
        words.expression = { Closure c -> c.delegate = this; c.resolveStrategy = Closure.DELEGATE_FIRST; asked << (c() as boolean) }
        words.branch = { String name -> asked << (System.getenv('BRANCH') == name) }
        words.buildingTag = { -> asked << (System.getenv('TAG') as boolean) }
        words.anyOf = { Closure c -> def outer = asked.clone(); asked.clear(); c.delegate = words; c.resolveStrategy = Closure.DELEGATE_FIRST; c(); def any = asked.any { it }; asked.clear(); asked.addAll(outer); asked << any }
        body.delegate = words
        body.resolveStrategy = Closure.DELEGATE_FIRST
        body()
        return asked.every { it }
    }
}

// A block whose words are collected: name -> arguments, in order.
class Block {
    List<Map> words = []
    Run run
    boolean read = false
    Block(Run run, Closure body) {
        this.run = run
        body.delegate = this
        body.resolveStrategy = Closure.DELEGATE_FIRST
        body()
        read = true
    }
    def getParams() { run.params }
    def getEnv() { run.env }
    void setProperty(String name, Object value) {
        if (name in ['words', 'run', 'read']) { this.@"$name" = value } else { run.env[name] = value as String }
    }
    def methodMissing(String name, args) {
        if (run.script.metaClass.respondsTo(run.script, name, args)) { return run.script."$name"(*args) } // beside the pipeline
        if (read) { throw new MissingMethodException(name, Block, args) } // a step that the stand-in does not know
        words << [name: name, args: args as List]
        return [name: name, args: args as List]
    }
    Closure one(String name) { words.find { it.name == name }?.args?.last() as Closure }
    void only(List<String> known) {
        def strange = words*.name - known
        if (strange) { throw new IllegalArgumentException("the stand-in does not know ${strange}") }
    }
}

class Pipeline {
    Run run
    void after(Closure body, String outcome) {
        if (body == null) { return }
        def block = new Block(run, body)
        block.only(['always', 'failure', 'success', 'aborted', 'unsuccessful'])
        (['always', outcome] + (outcome == 'success' ? [] : ['unsuccessful'])).each { name -> block.words.findAll { it.name == name }.each { run.steps(it.args[0] as Closure) } }
    }
    List<Map> limits(Block block) {
        new Block(run, block.one('options') ?: { }).words.findAll { it.name == 'timeout' }.collect { it.args[0] }
    }
    void stage(String name, Closure body) {
        def block = new Block(run, body)
        block.only(['when', 'options', 'steps', 'stages', 'post'])
        if (block.one('when') != null && !run.when(block.one('when'))) { run.note([skipped: name]); return }
        run.note([stage: name])
        String outcome = 'success'
        try {
            run.within(limits(block)) {
                if (block.one('stages') != null) { stages(block.one('stages')) } else { run.steps(block.one('steps')) }
            }
        } catch (Aborted e) { outcome = 'aborted'; throw e } catch (Failed e) { outcome = 'failure'; throw e } finally { after(block.one('post'), outcome) }
    }
    void stages(Closure body) {
        def block = new Block(run, body)
        block.only(['stage'])
        block.words.each { stage(it.args[0] as String, it.args[1] as Closure) }
    }
    void run(Closure body) {
        def block = new Block(run, body)
        block.only(['agent', 'parameters', 'options', 'environment', 'triggers', 'stages', 'post'])
        new Block(run, block.one('parameters') ?: { }).words.each {
            def given = it.args[0]
            def first = it.name == 'choice' ? given.choices[0] : given.defaultValue
            run.params[given.name as String] = System.getenv("PARAM_${given.name}") ?: first
        }
        run.note([options: new Block(run, block.one('options')).words*.name, triggers: block.one('triggers') ? new Block(run, block.one('triggers')).words.collect { it.args[0] } : []])
        if (block.one('environment')) { new Block(run, block.one('environment')) }
        String outcome = 'success'
        try { run.within(limits(block)) { stages(block.one('stages')) } } catch (Aborted e) { outcome = 'aborted' } catch (Failed e) { outcome = 'failure'; run.note([failed: e.message]) }
        after(block.one('post'), outcome)
        run.note([result: outcome])
        if (outcome != 'success') { System.exit(outcome == 'aborted' ? 3 : 1) }
    }
}

def run = new Run(record: new File(args[1]), folder: new File(args[2]))
def binding = new Binding()
binding.setVariable('params', run.params)
binding.setVariable('env', run.env)
['file', 'string', 'usernamePassword'].each { kind -> binding.setVariable(kind, run.&"$kind") }
binding.setVariable('pipeline', { Closure body -> new Pipeline(run: run).run(body) })
run.script = new GroovyShell(binding).parse(new File(args[0]))
run.script.run()

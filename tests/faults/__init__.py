"""The service with its records under faults: killed, without power, without room, without its disk or its store.

`make test-faults` runs them; the environment sets how much: JINGXI_ROUNDS (kills), JINGXI_SEED, JINGXI_FAULTS_JSON.
"""

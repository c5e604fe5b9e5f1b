// What the snapshot beside this file is made with: a person, the service's own access, a lifecycle.
using '../../infra/main.bicep'

param environmentName = 'test'
param location = 'swedencentral'
param principalId = '11111111-1111-4111-8111-111111111111'
param model = 'gpt-4.1-mini'
param modelVersion = '2025-04-14'
param batchCapacity = 1000
param openAiUsesStorage = true
param keepDays = 30
param settings = { MAX_ATTEMPTS: '5' }
